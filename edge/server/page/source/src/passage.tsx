/** The text of a manual on screen, with what was quoted marked and the row lit. */
import type { ComponentChildren } from "preact";
import { Icon } from "./icons";
import { parseText, splitByWords, type Block, type Signal } from "./text";

interface TextProps {
  text: string;
  /** Texts to mark, where they stand in it word for word. */
  marks?: string[];
  /** Rows to light. */
  rows?: string[][];
}

export function ManualText({ text, marks = [], rows = [] }: TextProps) {
  const show = (line: string) => <Marked text={line} marks={marks} />;
  return (
    <div class="manual-text">
      {parseText(text).map((block, index) => (
        <BlockView key={index} block={block} show={show} rows={rows} />
      ))}
    </div>
  );
}

function BlockView({ block, show, rows }: { block: Block; show: (line: string) => ComponentChildren; rows: string[][] }) {
  switch (block.kind) {
    case "paragraph":
      return <p>{show(block.text)}</p>;
    case "steps":
      return (
        <ol class="steps">
          {block.items.map((item) => (
            <li key={item.number}>
              <span class="step-number">{item.number}</span>
              <span>{show(item.text)}</span>
            </li>
          ))}
        </ol>
      );
    case "items":
      return (
        <ul class="items">
          {block.items.map((item, index) => (
            <li key={index}>{show(item)}</li>
          ))}
        </ul>
      );
    case "signal":
      return (
        <SignalBox signal={block.signal} word={block.word}>
          {show(block.text)}
        </SignalBox>
      );
    case "table":
      return (
        <div class="table-frame" tabIndex={0} role="group">
          <table>
            <thead>
              <tr>
                {block.names.map((name, column) => (
                  <th key={column} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {block.rows.map((row, index) => {
                const lit = rows.some((one) => one.join("|") === row.join("|"));
                return (
                  <tr key={index} class={lit ? "lit" : ""} aria-current={lit ? "true" : undefined}>
                    {row.map((cell, column) => (
                      <td key={column}>{lit ? cell : show(cell)}</td>
                    ))}
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      );
  }
}

/** A warning with its signal word, in the colours of ISO 3864. */
export function SignalBox({ signal, word, children }: { signal: Signal; word: string; children: ComponentChildren }) {
  return (
    <div class={`signal ${signal}`}>
      <strong class="signal-word">
        {signal !== "note" && <Icon name="alert" />}
        {word}
      </strong>
      <div class="signal-text">{children}</div>
    </div>
  );
}

export function Marked({ text, marks }: { text: string; marks: string[] }) {
  const here = marks.filter((mark) => mark.length > 1);
  return (
    <>
      {splitByWords(text, here).map((piece, index) =>
        piece.hit ? <mark key={index}>{piece.text}</mark> : <span key={index}>{piece.text}</span>,
      )}
    </>
  );
}
