/** The sheet that is printed: the answer, and the pages it stands on. */
import type { Turn } from "./history";
import { AnswerLines } from "./answer";
import { getContents, locateDocument } from "./server";
import { hasPages, namePage } from "./place";
import type { Citation } from "./shapes";
import { Store, useStore } from "./store";
import { formatTime, say } from "./words";
import { useEffect, useRef, useState } from "preact/hooks";

const PATIENCE_MS = 8000;
const WIDTH = 1400;

const printed = new Store<Turn | null>(null);

export function printTurn(turn: Turn): void {
  printed.set({ ...turn });
}

export function PrintSheet() {
  const turn = useStore(printed);
  const sheet = useRef<HTMLElement>(null);
  const [ready, setReady] = useState(false);
  useEffect(() => {
    setReady(false);
    if (!turn) return;
    const pages = (turn.answer?.citations ?? []).filter((one) => hasPages(one.document));
    const known = Promise.all(pages.map((one) => getContents(one.pack, one.document).catch(() => null)));
    void known.then(() => setReady(true));
  }, [turn]);
  useEffect(() => {
    if (!turn || !ready || !sheet.current) return;
    const pictures = [...sheet.current.querySelectorAll("img")].map((picture) => picture.decode().catch(() => undefined));
    const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
    void Promise.race([Promise.all(pictures), patience]).then(() => window.print());
  }, [turn, ready]);
  if (!turn?.answer) return null;
  const answer = turn.answer;
  return (
    <section class="sheet" ref={sheet} aria-hidden="true">
      <p class="sheet-head">
        <b>edge</b> <span>{say("print.printed", { date: formatTime(Date.now()) })}</span>
      </p>
      <h1>{turn.question}</h1>
      <p>
        {formatTime(turn.askedAt)}
        {turn.equipment && `, ${turn.equipment}`}
      </p>
      {answer.warnings.map((warning) => (
        <p key={warning.text} class="sheet-warning">
          {warning.text} [{warning.citation}]
        </p>
      ))}
      <AnswerLines answer={answer} />
      <h2>{say("print.sources")}</h2>
      {answer.citations.map((citation) => (
        <SheetPage key={citation.n} citation={citation} />
      ))}
    </section>
  );
}

function SheetPage({ citation }: { citation: Citation }) {
  const page = citation.boxes[0]?.page ?? citation.page_from;
  const path = `${locateDocument(citation.pack, citation.document)}/pages/${page}.png?width=${WIDTH}`;
  return (
    <figure class="sheet-page">
      <figcaption>
        [{citation.n}] {[citation.document, namePage(citation), citation.heading].filter(Boolean).join(", ")} —{" "}
        {citation.pack} {citation.version}
      </figcaption>
      {hasPages(citation.document) ? (
        <div class="sheet-picture">
          <img src={path} alt="" />
          {citation.boxes
            .filter((box) => box.page === page)
            .map((box, index) => (
              <div
                key={index}
                class="box"
                style={{
                  left: `${box.left * 100}%`,
                  top: `${box.top * 100}%`,
                  width: `${(box.right - box.left) * 100}%`,
                  height: `${(box.bottom - box.top) * 100}%`,
                }}
              />
            ))}
        </div>
      ) : (
        <pre>{citation.text}</pre>
      )}
    </figure>
  );
}
