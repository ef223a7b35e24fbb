import styles from "./Examples.module.css";

const EXAMPLES: readonly { about: string; query: string }[] = [
  {
    about: "The slowest calls of the last hour, and what was asked",
    query: `SELECT start_time, trace_id, response_model, duration_ns / 1e9 AS seconds, input_text
FROM spans
WHERE operation = 'chat' AND start_time > now() - INTERVAL 1 HOUR
ORDER BY duration_ns DESC
LIMIT 20`,
  },
  {
    about: "Tokens and cost by model and day",
    query: `SELECT toDate(start_time) AS day, response_model, count() AS calls,
       sum(input_tokens) AS tokens_in, sum(output_tokens) AS tokens_out, sum(cost_usd) AS dollars
FROM spans
WHERE operation = 'chat' AND start_time > now() - INTERVAL 7 DAY
GROUP BY day, response_model
ORDER BY day DESC, dollars DESC`,
  },
  {
    about: "Why calls failed",
    query: `SELECT error_type, any(status_message) AS example, count() AS spans, any(trace_id) AS trace_id
FROM spans
WHERE status = 'error' AND start_time > now() - INTERVAL 1 DAY
GROUP BY error_type
ORDER BY spans DESC`,
  },
  {
    about: "How well answers were liked, by prompt version",
    query: `SELECT s.prompt_name, s.prompt_version, avg(c.value) AS liked, count() AS judgements
FROM scores AS c JOIN spans AS s USING (project, trace_id, span_id)
WHERE c.name = 'user_feedback'
GROUP BY ALL
ORDER BY liked`,
  },
];

/** What one can ask, to begin with. */
export function Examples({ onRun }: { onRun: (query: string) => void }) {
  return (
    <div className={styles["examples"]}>
      <h2>To begin with</h2>
      {EXAMPLES.map(({ about, query }) => (
        <button key={about} type="button" onClick={() => onRun(query)}>
          <b>{about}</b>
          <pre>{query}</pre>
        </button>
      ))}
    </div>
  );
}
