/** The page view: the document beside the conversation, or over it on a small screen. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "./controls";
import { Picture } from "./picture";
import { Reader } from "./reader";
import { closePlace, place, type Place } from "./place";
import { findInDocument, getContents, ServerError } from "./server";
import type { Contents, Hit } from "./shapes";
import { useStore } from "./store";
import { splitHeading } from "./text";
import { say } from "./words";

type Panel = "none" | "outline" | "find";

const LEVELS = 4;

export function Viewer() {
  const shown = useStore(place);
  if (!shown) return null;
  return <DocumentView key={`${shown.pack}/${shown.document}`} place={shown} />;
}

function DocumentView({ place: shown }: { place: Place }) {
  const [contents, setContents] = useState<Contents | null>(null);
  const [problem, setProblem] = useState("");
  const [panel, setPanel] = useState<Panel>("none");
  const [page, setPage] = useState(shown.page);
  const [chunk, setChunk] = useState<number | null>(null);
  const [asText, setAsText] = useState(false);
  const [found, setFound] = useState("");
  const region = useRef<HTMLElement>(null);

  useEffect(() => {
    getContents(shown.pack, shown.document).then(setContents, (error: unknown) =>
      setProblem(error instanceof ServerError ? error.problem.detail : say("error.unreachable")),
    );
  }, []);
  useEffect(() => {
    setPage(shown.page);
    setChunk(null);
    setFound("");
    setPanel("none");
    if (shown.opening > 0 && matchMedia("(max-width: 67.99rem)").matches) region.current?.focus();
  }, [shown.opening]);

  const pages = contents?.pages.length ?? 0;
  const isPicture = pages > 0 && !asText;
  const goTo = (nextPage: number, nextChunk: number | null = null) => {
    setPage(Math.min(Math.max(1, nextPage), Math.max(1, pages)));
    setChunk(nextChunk);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.target instanceof HTMLInputElement) return;
    if (event.key === "Escape") closePlace();
    else if (isPicture && event.key === "PageDown" && !event.shiftKey) goTo(page + 1);
    else if (isPicture && event.key === "PageUp" && !event.shiftKey) goTo(page - 1);
    else return;
    event.preventDefault();
  };
  const label = contents?.pages[page - 1]?.label ?? null;
  const toggle = (wanted: Panel) => setPanel(panel === wanted ? "none" : wanted);
  return (
    <section class="viewer" ref={region} tabIndex={-1} aria-label={say("page.view")} onKeyDown={onKey}>
      <header class="viewer-head">
        <div class="viewer-title">
          <h2>{contents?.title || shown.document}</h2>
          <p>
            {shown.document}
            {pages > 0 && ` · ${describePage(page, pages, label)}`}
          </p>
        </div>
        <div class="viewer-tools" role="toolbar" aria-label={say("page.view")}>
          {pages > 0 && (
            <>
              <Button icon="left" label={say("page.previous")} bare kind="quiet" disabled={page <= 1} onClick={() => goTo(page - 1)} />
              <Button icon="right" label={say("page.next")} bare kind="quiet" disabled={page >= pages} onClick={() => goTo(page + 1)} />
              <Button
                icon={asText ? "picture" : "text"}
                label={say(asText ? "page.as_picture" : "page.as_text")}
                bare
                kind="quiet"
                onClick={() => setAsText(!asText)}
              />
            </>
          )}
          <Button icon="outline" label={say("page.outline")} bare kind="quiet" pressed={panel === "outline"} onClick={() => toggle("outline")} />
          <Button icon="find" label={say("page.find")} bare kind="quiet" pressed={panel === "find"} onClick={() => toggle("find")} />
        </div>
        <div class="viewer-close">
          <Button icon="close" label={say("close")} bare kind="quiet" onClick={closePlace} />
        </div>
      </header>
      {panel === "outline" && contents && (
        <Outline
          contents={contents}
          onOpen={(nextPage, nextChunk) => {
            goTo(nextPage, nextChunk);
            setPanel("none");
          }}
        />
      )}
      {panel === "find" && (
        <Find
          place={shown}
          onOpen={(hit, text) => {
            setFound(text);
            goTo(hit.page, hit.chunk);
          }}
        />
      )}
      {problem && <p class="viewer-problem">{problem}</p>}
      {contents &&
        (isPicture ? (
          <Picture place={shown} contents={contents} page={page} found={found} />
        ) : (
          <Reader place={shown} contents={contents} page={pages > 0 ? page : 0} chunk={chunk} found={found} />
        ))}
    </section>
  );
}

function describePage(page: number, pages: number, label: string | null): string {
  return label ? `${say("page", { page: label })} (${page} / ${pages})` : say("page.of", { page, count: pages });
}

function Outline({ contents, onOpen }: { contents: Contents; onOpen: (page: number, chunk: number) => void }) {
  return (
    <nav class="viewer-panel" aria-label={say("page.outline")}>
      <ul class="outline">
        {contents.headings.map((heading) => {
          const { last, above } = splitHeading(heading.heading);
          const level = Math.min(LEVELS, above ? above.split(" › ").length : 0);
          const label = contents.pages[heading.page - 1]?.label ?? heading.page;
          return (
            <li key={heading.chunk}>
              <button type="button" class={`outline-entry level-${level}`} onClick={() => onOpen(heading.page, heading.chunk)}>
                <span>{last}</span>
                {contents.pages.length > 0 && <span class="outline-page">{label}</span>}
              </button>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}

function Find({ place: shown, onOpen }: { place: Place; onOpen: (hit: Hit, text: string) => void }) {
  const [text, setText] = useState("");
  const [hits, setHits] = useState<Hit[] | null>(null);
  const [more, setMore] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  useEffect(() => {
    const wanted = text.trim();
    const gone = new AbortController();
    if (!wanted) return setHits(null);
    const timer = setTimeout(() => {
      findInDocument(shown.pack, shown.document, wanted, gone.signal).then(
        (found) => {
          setHits(found.hits);
          setMore(found.more);
        },
        () => undefined,
      );
    }, 200);
    return () => {
      clearTimeout(timer);
      gone.abort();
    };
  }, [text]);
  return (
    <div class="viewer-panel" role="search">
      <input
        ref={field}
        class="field"
        type="search"
        value={text}
        aria-label={say("page.find")}
        placeholder={say("page.find_placeholder")}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Enter" && hits?.[0] && onOpen(hits[0], text.trim())}
      />
      {hits && (
        <p class="hint" role="status">
          {hits.length === 0 ? say("page.no_hits") : say(more ? "page.hits_more" : "page.hits", { count: hits.length })}
        </p>
      )}
      <ul class="outline">
        {hits?.map((hit) => (
          <li key={hit.chunk}>
            <button type="button" class="outline-entry hit" onClick={() => onOpen(hit, text.trim())}>
              <span>
                <b>{splitHeading(hit.heading).last}</b> {hit.snippet}
              </span>
              <span class="outline-page">{hit.page}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
