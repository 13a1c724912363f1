/** The conversation on screen and the field to ask in. */
import { useEffect, useRef, useState } from "preact/hooks";
import { TurnView } from "./answer";
import { Announcement, Button } from "./controls";
import { ask, conversation, isBusy, stop } from "./conversation";
import type { Turn } from "./history";
import { Icon } from "./icons";
import { packs, packsKnown } from "./packs";
import { offerPassage } from "./place";
import { useStore } from "./store";
import { say } from "./words";

export function AskView() {
  const { id, turns } = useStore(conversation);
  const thread = useRef<HTMLDivElement>(null);
  const last = turns.at(-1);
  useEffect(() => {
    // A new question comes to the top; what answers it then grows below and moves nothing.
    const articles = thread.current?.querySelectorAll("article");
    articles?.[articles.length - 1]?.scrollIntoView({ block: "start" });
  }, [id, turns.length]);
  useEffect(() => {
    const answer = last?.answer ?? last?.quote;
    const first = answer?.citations[0];
    if (answer && first && !answer.refused && answer.mode !== "clarify") offerPassage(first, answer.answer, first.n);
  }, [last?.id, last?.answer, last?.quote]);
  return (
    <div class="ask">
      <div class="thread" ref={thread}>
        {turns.length > 0 && <h1 class="unseen">{say("view.ask")}</h1>}
        {turns.length === 0 ? <Start /> : turns.map((turn) => <TurnView key={turn.id} turn={turn} last={turn === last} />)}
      </div>
      <Announcement>{last ? announce(last) : ""}</Announcement>
      <Composer />
    </div>
  );
}

function announce(turn: Turn): string {
  if (turn.answer) return say(turn.answer.refused ? "said.refused" : "said.answered");
  if (turn.evidence) return say("said.found", { count: turn.evidence.length });
  return "";
}

function Start() {
  const installed = useStore(packs).packs;
  const known = useStore(packsKnown);
  return (
    <section class="start">
      <h1>{say("start.title")}</h1>
      <p class="lead">{say("start.hint")}</p>
      {installed.length > 0 && (
        <>
          <h2 class="section-title">{say("start.packs")}</h2>
          <ul class="start-packs">
            {installed.map((pack) => (
              <li key={pack.name}>
                <Icon name="packs" />
                <span>{say("start.one_pack", { title: pack.title, version: pack.version })}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      {known && installed.length === 0 && <p class="notice">{say("start.no_packs")}</p>}
    </section>
  );
}

function Composer() {
  const [text, setText] = useState("");
  const busy = useStore(isBusy);
  const field = useRef<HTMLTextAreaElement>(null);
  const { id } = useStore(conversation);
  useEffect(() => {
    if (matchMedia("(pointer: fine)").matches) field.current?.focus();
  }, [id]);
  useEffect(() => {
    const box = field.current!;
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight}px`;
  }, [text]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
      if (event.key === "/" && !isTyping) {
        event.preventDefault();
        field.current?.focus();
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const send = () => {
    const question = text.trim();
    if (!question) return;
    setText("");
    void ask(question);
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={field}
        id="question"
        rows={1}
        value={text}
        aria-label={say("ask.label")}
        placeholder={say("ask.placeholder")}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
            event.preventDefault();
            send();
          }
        }}
      />
      {busy && !text.trim() ? (
        <Button icon="stop" kind="primary" label={say("ask.stop")} onClick={stop} />
      ) : (
        <Button icon="send" kind="primary" type="submit" label={say("ask.send")} disabled={!text.trim()} />
      )}
    </form>
  );
}
