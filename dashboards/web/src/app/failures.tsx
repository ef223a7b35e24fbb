import { Button } from "@mantine/core";
import { IconCompass, IconMoodSad } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { State } from "../components/State";
import { PageBar } from "./Shell";

export function NotFoundPage() {
  return (
    <>
      <PageBar title={<h1>Not found</h1>} />
      <State icon={<IconCompass />} title="There is no such page" action={<Button component={Link} to="/traces">Go to the traces</Button>}>
        Check the address, or start from the list of traces.
      </State>
    </>
  );
}

/** A mistake of ours: said plainly, with a way on. */
export function PageFailed({ error }: { error: unknown }) {
  return (
    <State
      icon={<IconMoodSad />}
      tone="error"
      title="This page has failed"
      action={<Button onClick={() => location.reload()}>Reload</Button>}
    >
      Nothing is lost: what you see is only a view of the data. The reason was: {error instanceof Error ? error.message : String(error)}
    </State>
  );
}
