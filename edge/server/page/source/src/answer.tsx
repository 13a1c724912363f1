/** One turn: the question, warnings, the answer, and where it stands. */
import { Button } from "./controls";
import { acknowledge, ask, askAgain } from "./conversation";
import { Cards, type Card } from "./evidence";
import type { Turn } from "./history";
import { packs, packsKnown } from "./packs";
import { SignalBox } from "./passage";
import { namePage, openPassage } from "./place";
import { printTurn } from "./print";
import type { Answer, Citation } from "./shapes";
import { useStore } from "./store";
import { findStatedRow, readLines, readSignal, runsOn, type QuotedLine, type StatedRow } from "./text";
import { formatNumber, say } from "./words";
import { useState } from "preact/hooks";
import { Icon } from "./icons";

const SHOWN = 3;

export function TurnView({ turn, last }: { turn: Turn; last: boolean }) {
  const answer = turn.answer ?? turn.quote;
  return (
    <article class="turn" aria-label={turn.question}>
      <header class="question">
        <h2>{turn.question}</h2>
        {turn.equipment && <span class="nameplate small">{turn.equipment}</span>}
      </header>
      {answer && <Warnings turn={turn} answer={answer} />}
      <AnswerArea turn={turn} answer={answer} />
      {answer?.choices && <Choices answer={answer} enabled={last} />}
      <Places turn={turn} answer={answer} />
      {(turn.answer || turn.state === "failed" || turn.state === "stopped") && <Actions turn={turn} />}
    </article>
  );
}

function Warnings({ turn, answer }: { turn: Turn; answer: Answer }) {
  if (answer.warnings.length === 0) return null;
  return (
    <div class="warnings">
      {answer.warnings.map((warning, index) => {
        const signal = readSignal(warning.text);
        const done = turn.acknowledged.includes(index);
        return (
          <SignalBox key={index} signal={signal?.signal ?? "warning"} word={signal?.word ?? "!"}>
            <p>
              {signal?.text ?? warning.text} <Marker n={warning.citation} answer={answer} />
            </p>
            {done ? (
              <p class="acknowledged">
                <Icon name="check" /> {say("warning.acknowledged")}
              </p>
            ) : (
              <Button
                icon="check"
                label={say("warning.acknowledge")}
                onClick={() => acknowledge(turn, index)}
              />
            )}
          </SignalBox>
        );
      })}
    </div>
  );
}

function AnswerArea({ turn, answer }: { turn: Turn; answer: Answer | null }) {
  switch (turn.state) {
    case "failed":
      return <Failure turn={turn} />;
    case "searching":
      return <Waiting text={say("state.searching")} />;
    case "reading":
      return <Waiting text={say("state.reading")} />;
    case "busy":
      return <Waiting text={say("state.busy", { seconds: turn.waitS })} />;
    case "reconnecting":
      return <Waiting text={say("state.reconnecting")} />;
    default:
      return (
        <>
          {answer && <AnswerText turn={turn} answer={answer} />}
          {turn.written && <Provisional turn={turn} />}
        </>
      );
  }
}

function Waiting({ text }: { text: string }) {
  return (
    <div class="waiting">
      <span class="pulse" aria-hidden="true" />
      {text}
    </div>
  );
}

function Provisional({ turn }: { turn: Turn }) {
  return (
    <section class="provisional">
      <p class="status">
        {turn.state === "writing" && <span class="pulse" aria-hidden="true" />}
        {turn.state === "stopped" ? say("state.stopped") : say("state.writing")}
      </p>
      <div class="provisional-text">{turn.written}</div>
    </section>
  );
}

function AnswerText({ turn, answer }: { turn: Turn; answer: Answer }) {
  const quoted = turn.answer === null;
  if (answer.refused) return <Refusal turn={turn} answer={answer} />;
  if (answer.mode === "clarify") return <h3 class="answer-title">{say("clarify.title")}</h3>;
  return (
    <section class="answer">
      <p class="status">
        <Icon name="check" />
        {quoted && turn.state === "writing"
          ? say("state.quoted")
          : say(`mode.${answer.mode as "extractive" | "generated" | "faq"}`, { engine: answer.engine })}
      </p>
      <AnswerLines answer={answer} />
      {answer.unverified.length > 0 && (
        <p class="unverified">
          {say("unverified.title")}{" "}
          {answer.unverified.map((value) => (
            <s key={value}>{value}</s>
          ))}
        </p>
      )}
      {answer.notice && <p class="notice">{answer.notice}</p>}
      <AnsweredFrom answer={answer} />
    </section>
  );
}

export function AnswerLines({ answer }: { answer: Answer }) {
  const lines = readLines(answer.answer);
  return (
    <div class="answer-text">
      {groupLines(lines).map((group, index) =>
        group.steps ? (
          <ol key={index} class="steps">
            {group.lines.map((line) => (
              <li key={line.text}>
                <span class="step-number">{/^\d+[.)]/.exec(line.text)?.[0]}</span>
                <span>
                  {line.text.replace(/^\d+[.)]\s*/, "")} <Markers line={line} answer={answer} />
                </span>
              </li>
            ))}
          </ol>
        ) : (
          group.lines.map((line, at) => (
            <Line key={`${at} ${line.text}`} line={line} lines={lines} answer={answer} close={runsOn(group.lines[at - 1]?.text ?? ".")} />
          ))
        ),
      )}
    </div>
  );
}

interface LineProps {
  line: QuotedLine;
  lines: QuotedLine[];
  answer: Answer;
  /** It goes on from the line above, without a gap. */
  close: boolean;
}

function Line({ line, lines, answer, close }: LineProps) {
  const row = findRow(line, lines, answer);
  if (row) return <RowPlate row={row} line={line} answer={answer} />;
  return (
    <p class={close ? "close" : ""}>
      {line.text} <Markers line={line} answer={answer} />
    </p>
  );
}

/** A row of a table: every cell under the name of its column. */
function RowPlate({ row, line, answer }: { row: StatedRow; line: QuotedLine; answer: Answer }) {
  return (
    <figure class="row-plate">
      {row.heading && (
        <figcaption>
          {row.heading} <Markers line={line} answer={answer} />
        </figcaption>
      )}
      <dl>
        {row.cells.map((cell) => (
          <div key={cell.name}>
            <dt>{cell.name}</dt>
            <dd>{cell.value}</dd>
          </div>
        ))}
      </dl>
    </figure>
  );
}

function findRow(line: QuotedLine, lines: QuotedLine[], answer: Answer): StatedRow | null {
  const from = lines.slice(lines.indexOf(line)).find((one) => one.citations.length > 0);
  const cited = answer.citations.filter((citation) => from?.citations.includes(citation.n));
  return cited.map((citation) => findStatedRow(line.text, citation.text)).find((row) => row !== null) ?? null;
}

function groupLines(lines: QuotedLine[]): { steps: boolean; lines: QuotedLine[] }[] {
  const groups: { steps: boolean; lines: QuotedLine[] }[] = [];
  for (const line of lines) {
    const steps = /^\d{1,3}[.)]\s/.test(line.text);
    const last = groups.at(-1);
    if (last && last.steps === steps) last.lines.push(line);
    else groups.push({ steps, lines: [line] });
  }
  return groups;
}

function Markers({ line, answer }: { line: QuotedLine; answer: Answer }) {
  return (
    <>
      {line.citations.map((n) => (
        <Marker key={n} n={n} answer={answer} />
      ))}
    </>
  );
}

/** The number of a passage; pressing it opens its page. */
function Marker({ n, answer }: { n: number; answer: Answer }) {
  const citation = answer.citations.find((one) => one.n === n);
  if (!citation) return null;
  return (
    <button
      type="button"
      class="marker"
      aria-label={`${n}: ${say("evidence.open", { document: citation.document, page: namePage(citation) })}`}
      onClick={() => openPassage(citation, answer.answer, n)}
    >
      {n}
    </button>
  );
}

function AnsweredFrom({ answer }: { answer: Answer }) {
  const first = answer.citations[0];
  if (!first) return null;
  const open = (citation: Citation) => openPassage(citation, answer.answer, citation.n);
  return (
    <p class="answered-from">
      <Button
        icon="page"
        kind="primary"
        label={`${say("answered_from")} ${[namePage(first), first.document].filter(Boolean).join(", ")}`}
        onClick={() => open(first)}
      />
    </p>
  );
}

function Refusal({ turn, answer }: { turn: Turn; answer: Answer }) {
  const reason = /none mentions ([^.]*)\./.exec(answer.answer);
  return (
    <section class="refusal">
      <h3 class="answer-title">{say("refused.title")}</h3>
      {reason && <p class="missing">{reason[1]}</p>}
      {turn.equipment && <p>{say("refused.equipment", { model: turn.equipment })}</p>}
      {answer.notice && <p class="notice">{answer.notice}</p>}
    </section>
  );
}

function Choices({ answer, enabled }: { answer: Answer; enabled: boolean }) {
  return (
    <div class="choices">
      {answer.choices!.map((choice) => (
        <button
          key={choice.label}
          type="button"
          class="choice-button"
          disabled={!enabled}
          onClick={() => void ask(choice.label)}
        >
          <span>{choice.label}</span>
          <Icon name="right" />
        </button>
      ))}
    </div>
  );
}

function Places({ turn, answer }: { turn: Turn; answer: Answer | null }) {
  const cards = listCards(turn, answer);
  if (cards.length === 0) return null;
  const cited = new Set(answer?.citations.map((citation) => citation.n));
  const first = cards.filter((card) => cited.has(card.n));
  const sorted = answer ? [...first, ...cards.filter((card) => !cited.has(card.n))] : cards;
  const shown = answer && !answer.refused ? Math.max(1, first.length) : SHOWN;
  const title = answer?.refused ? "evidence.nearest" : answer ? "evidence" : "evidence.found";
  return (
    <section class="places">
      <h3 class="section-title">{say(title)}</h3>
      <Cards cards={sorted} question={turn.question} answer={answer?.answer ?? ""} shown={shown} />
      {turn.answer && <Changes turn={turn} answer={turn.answer} />}
    </section>
  );
}

/** Passages by their number: those of the evidence, and those that only the answer names. */
function listCards(turn: Turn, answer: Answer | null): Card[] {
  const cards = new Map<number, Card>();
  turn.evidence?.forEach((passage, index) => cards.set(index + 1, { n: index + 1, passage }));
  for (const citation of answer?.citations ?? []) cards.set(citation.n, { n: citation.n, passage: citation });
  return [...cards.values()].sort((one, other) => one.n - other.n);
}

/** Say when a pack that answered is another one by now. */
function Changes({ turn, answer }: { turn: Turn; answer: Answer }) {
  const now = useStore(packs).packs;
  const known = useStore(packsKnown);
  if (!known) return null;
  const used = new Map(answer.citations.map((citation) => [citation.pack, citation.version]));
  return (
    <>
      {[...used].map(([name, version]) => {
        const pack = now.find((one) => one.name === name);
        const digest = turn.digests[name];
        if (!pack) return <p class="changed">{say("evidence.gone", { pack: name })}</p>;
        if (!digest || digest === pack.digest) return null;
        const [old, present] =
          version === pack.version ? [digest.slice(0, 8), pack.digest.slice(0, 8)] : [version, pack.version];
        return <p class="changed">{say("evidence.changed", { old, new: present })}</p>;
      })}
    </>
  );
}

function Failure({ turn }: { turn: Turn }) {
  const problem = turn.problem;
  return (
    <section class="failure" role="alert">
      <h3 class="answer-title">{say("error.title")}</h3>
      <p>{problem?.detail || say("error.unreachable")}</p>
      {problem?.hint && <p class="hint">{problem.hint}</p>}
    </section>
  );
}

function Actions({ turn }: { turn: Turn }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await copyText(writePlain(turn));
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  const times = turn.answer?.timings_ms;
  return (
    <footer class="actions">
      <Button icon="again" kind="quiet" label={say("ask.again")} onClick={() => void askAgain(turn)} />
      {turn.answer && (
        <>
          <Button
            icon={copied ? "check" : "copy"}
            kind="quiet"
            label={say(copied ? "ask.copied" : "ask.copy")}
            onClick={() => void copy()}
          />
          <Button icon="print" kind="quiet" label={say("ask.print")} onClick={() => printTurn(turn)} />
        </>
      )}
      {times?.evidence != null && times.total != null && (
        <span class="times">
          {say("answered_in", { evidence: formatNumber(times.evidence), total: formatNumber(times.total) })}
        </span>
      )}
    </footer>
  );
}

function writePlain(turn: Turn): string {
  const answer = turn.answer!;
  const sources = answer.citations.map(
    (one) => `[${one.n}] ${[one.document, namePage(one), one.heading].filter(Boolean).join(", ")} (${one.pack} ${one.version})`,
  );
  const warnings = answer.warnings.map((warning) => `${warning.text} [${warning.citation}]`);
  return [turn.question, ...warnings, answer.answer, ...sources].join("\n\n");
}

/** The clipboard proper is there only with TLS or on the machine itself. */
async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return;
    } catch {
      // not allowed: the old way
    }
  }
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}
