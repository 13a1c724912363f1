/** The figures of GET /metrics that the page shows. Pure. */

export interface Metrics {
  upSeconds: number;
  busy: number;
  written: number;
  /** Share of prompts that were still there; null where no language model ran. */
  reusedShare: number | null;
  answers: [string, number][];
  /** Questions by the time until their pages were found: upper bound and number. */
  evidence: [string, number][];
}

export function readMetrics(text: string, now = Date.now()): Metrics {
  const samples = text.split("\n").filter((line) => line && !line.startsWith("#"));
  const read = (name: string) => Number(samples.find((line) => line.startsWith(`${name} `))?.split(" ")[1] ?? 0);
  const list = (name: string, label: string): [string, number][] =>
    samples
      .filter((line) => line.startsWith(`${name}{`))
      .map((line) => [new RegExp(`${label}="([^"]*)"`).exec(line)?.[1] ?? "", Number(line.split(" ").at(-1))]);
  const [computed, reused] = [read("edge_prefill_tokens_total"), read("edge_reused_tokens_total")];
  return {
    upSeconds: now / 1000 - read("edge_start_time_seconds"),
    busy: read("edge_turns_in_progress"),
    written: read("edge_generated_tokens_total"),
    reusedShare: computed + reused > 0 ? reused / (computed + reused) : null,
    answers: list("edge_answers_total", "mode"),
    evidence: splitBuckets(list("edge_turn_evidence_seconds_bucket", "le")),
  };
}

/** Prometheus counts all up to a bound; here is what lies between two. */
function splitBuckets(buckets: [string, number][]): [string, number][] {
  const parts = buckets.map(([bound, count], index): [string, number] => {
    const seconds = Number(bound);
    const name = bound === "+Inf" ? "> 60 s" : seconds < 1 ? `≤ ${seconds * 1000} ms` : `≤ ${seconds} s`;
    return [name, count - (buckets[index - 1]?.[1] ?? 0)];
  });
  const first = parts.findIndex(([, count]) => count > 0);
  const last = parts.findLastIndex(([, count]) => count > 0);
  return first < 0 ? [] : parts.slice(first, last + 1);
}
