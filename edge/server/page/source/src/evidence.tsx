/** Cards of the places in the manuals, best first. */
import { useState } from "preact/hooks";
import { Button } from "./controls";
import { Icon } from "./icons";
import { Marked } from "./passage";
import { namePage, openPassage, place } from "./place";
import type { Passage } from "./shapes";
import { useStore } from "./store";
import { findWords, makeSnippet, splitHeading } from "./text";
import { say } from "./words";

export interface Card {
  n: number;
  passage: Passage;
}

interface CardsProps {
  cards: Card[];
  question: string;
  answer: string;
  /** How many are shown at once; the others follow on a press. */
  shown: number;
}

export function Cards({ cards, question, answer, shown }: CardsProps) {
  const [open, setOpen] = useState(false);
  const words = findWords(question);
  const visible = open ? cards : cards.slice(0, shown);
  return (
    <>
      <ol class="cards">
        {visible.map((card) => (
          <li key={card.n}>
            <PassageCard card={card} words={words} answer={answer} />
          </li>
        ))}
      </ol>
      {visible.length < cards.length && (
        <Button
          icon="down"
          kind="quiet"
          label={say("evidence.more", { count: cards.length - visible.length })}
          onClick={() => setOpen(true)}
        />
      )}
    </>
  );
}

function PassageCard({ card, words, answer }: { card: Card; words: string[]; answer: string }) {
  const { n, passage } = card;
  const shown = useStore(place)?.passage === passage;
  const heading = splitHeading(passage.heading);
  const page = namePage(passage);
  return (
    <button
      type="button"
      class={`card ${shown ? "shown" : ""}`}
      aria-current={shown ? "true" : undefined}
      onClick={() => openPassage(passage, answer, n)}
    >
      <span class="plate">{n}</span>
      <span class="card-body">
        <span class="card-source">
          <span class="card-document">{passage.document}</span>
          {page && <span class="card-page">{page}</span>}
          {!passage.signed && <span class="badge">{say("evidence.unsigned")}</span>}
        </span>
        <span class="card-heading">{heading.last}</span>
        <span class="card-snippet">
          <Marked text={makeSnippet(passage.text, words)} marks={words} />
        </span>
      </span>
      <Icon name="right" />
    </button>
  );
}
