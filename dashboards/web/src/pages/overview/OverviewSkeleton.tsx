import page from "../../components/Page.module.css";
import charts from "./Charts.module.css";

/** What stands there until the figures come. */
export function OverviewSkeleton() {
  return (
    <div className={charts["charts"]} role="status" aria-label="Loading the overview">
      {Array.from({ length: 6 }, (_, index) => <i key={index} className={page["waiting"]} />)}
    </div>
  );
}
