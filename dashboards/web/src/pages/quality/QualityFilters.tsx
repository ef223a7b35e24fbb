import { useQuery } from "@tanstack/react-query";
import { facetsQuery } from "../../api/queries";
import { Chosen } from "../../components/Chosen";
import { FacetFilter } from "../../components/FacetFilter";
import page from "../../components/Page.module.css";
import type { QualitySearch } from "../../lib/search";
import type { TimeRange } from "../../lib/time";

interface Props {
  search: QualitySearch;
  range: TimeRange;
  onChange: (changed: Partial<QualitySearch>) => void;
}

/** Of which answers the scores are. */
export function QualityFilters({ search, range, onChange }: Props) {
  const facets = useQuery(facetsQuery(range));
  return (
    <div className={page["filters"]} role="search" aria-label="What is shown">
      <FacetFilter label="Service" value={search.service} options={facets.data?.service ?? []} onChange={(service) => onChange({ service })} />
      <FacetFilter label="Environment" value={search.environment} options={facets.data?.environment ?? []} onChange={(environment) => onChange({ environment })} />
      <FacetFilter label="Model" value={search.model} options={facets.data?.model ?? []} onChange={(model) => onChange({ model })} />
      {search.prompt !== undefined && <Chosen label="Prompt" value={search.prompt} onClear={() => onChange({ prompt: undefined })} />}
      {search.source !== undefined && <Chosen label="Source" value={search.source} onClear={() => onChange({ source: undefined })} />}
    </div>
  );
}
