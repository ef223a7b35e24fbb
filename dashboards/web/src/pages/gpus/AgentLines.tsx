import { Button } from "@mantine/core";
import { Copy } from "../../components/Copy";
import panel from "../../components/Panel.module.css";
import { Light, useDoors } from "../../components/SendLines";
import send from "../../components/SendLines.module.css";
import styles from "./Gpus.module.css";

/** Shown until a board or an engine is read: the lines that make a node tell. A range that goes on is asked for again. */
export function AgentLines({ range, isLive, onWiden }: { range: string; isLive: boolean; onWiden: () => void }) {
  const { http, keyNeeded } = useDoors();
  const lines = `pip install 'spanglass[gpu]'
${keyNeeded ? "export SPANGLASS_API_KEY=YOUR_INGEST_KEY\n" : ""}spanglass agent --endpoint http://${http} --engine http://127.0.0.1:8000
`;
  return (
    <section className={`${panel["panel"]} ${styles["teach"]}`} aria-label="Start the agent">
      <h2>Watch GPUs and engines</h2>
      <p className={send["introduction"]}>
        Nothing was read in this range of time ({range}). Run this on the GPU node: the agent reads its NVIDIA boards, and the metrics of vLLM, SGLang, TGI, Triton or llama.cpp at the address after <code>--engine</code>. Leave <code>--engine</code> out where there is none.
      </p>
      <div className={send["code"]}>
        <pre tabIndex={0}>{lines}</pre>
        <Copy value={lines} label="Copy the lines" />
      </div>
      <p className={send["introduction"]}>
        <code>spanglass agent --once</code> reads for a moment, and says what is missing.{keyNeeded && " The key is one for sending: Settings makes it."}
      </p>
      <Button variant="default" size="xs" onClick={onWiden} className={styles["widen"]}>Look at the last 30 days</Button>
      {isLive && <Light on={false}>{`Waiting for the first metrics on ${http}`}</Light>}
    </section>
  );
}
