/** A document without pictures as readable text, with the passage marked and the row lit. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "./controls";
import { ManualText } from "./passage";
import type { Place } from "./place";
import { getParts } from "./server";
import type { Contents, Part } from "./shapes";
import { splitHeading } from "./text";
import { say } from "./words";

const BEFORE = 6;
const COUNT = 30;

interface ReaderProps {
  place: Place;
  contents: Contents;
  /** Only this page; 0 for documents without pages. */
  page: number;
  chunk: number | null;
  found: string;
}

export function Reader({ place, contents, page, chunk, found }: ReaderProps) {
  const [parts, setParts] = useState<Part[]>([]);
  const [failed, setFailed] = useState(false);
  const frame = useRef<HTMLDivElement>(null);
  const cited = new Set(place.passage?.chunks ?? []);
  const target = chunk ?? place.passage?.chunks?.[0] ?? contents.first_chunk;
  const load = (query: string) =>
    getParts(place.pack, place.document, query).catch(() => {
      setFailed(true);
      return [] as Part[];
    });

  useEffect(() => {
    const first = Math.max(contents.first_chunk, target - BEFORE);
    void load(page ? `page=${page}&count=100` : `first=${first}&count=${COUNT}`).then(setParts);
  }, [page, target, place.opening]);
  useEffect(() => {
    const box = frame.current;
    const mark = box?.querySelector("mark, tr.lit") ?? box?.querySelector(`[data-chunk="${target}"]`);
    if (box && mark) {
      const top = mark.getBoundingClientRect().top - box.getBoundingClientRect().top + box.scrollTop;
      box.scrollTo({ top: Math.max(0, top - box.clientHeight * 0.25) });
    }
  }, [parts, found]);

  const first = parts[0]?.chunk ?? 0;
  const last = parts.at(-1)?.chunk ?? 0;
  const showBefore = async () => {
    const from = Math.max(contents.first_chunk, first - COUNT);
    const earlier = await load(`first=${from}&count=${first - from}`);
    setParts([...earlier, ...parts]);
  };
  const showAfter = async () => {
    const later = await load(`first=${last + 1}&count=${COUNT}`);
    setParts([...parts, ...later]);
  };
  let heading = "";
  return (
    <div class="reader" ref={frame} tabIndex={0} role="group" aria-label={say("page.view")}>
      {failed && <p class="viewer-problem">{say("page.failed")}</p>}
      {!page && first > contents.first_chunk && (
        <Button icon="left" kind="quiet" label={say("page.before")} onClick={() => void showBefore()} />
      )}
      {parts.map((part) => {
        const isNew = part.heading !== heading;
        heading = part.heading;
        const isCited = cited.has(part.chunk);
        const marks = found ? [found] : isCited ? place.quotes : [];
        return (
          <section key={part.chunk} data-chunk={part.chunk} class={`part ${isCited ? "cited" : ""}`}>
            {isNew && <h3>{splitHeading(part.heading).last}</h3>}
            <ManualText text={part.text} marks={marks} rows={isCited && !found ? place.rows : []} />
          </section>
        );
      })}
      {!page && last > 0 && last < contents.last_chunk && (
        <Button icon="down" kind="quiet" label={say("page.after")} onClick={() => void showAfter()} />
      )}
    </div>
  );
}
