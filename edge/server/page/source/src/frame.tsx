/** The frame of the page: navigation, history, the equipment, and the view that is on. */
import { useEffect, useState } from "preact/hooks";
import { AskView } from "./ask";
import { Button, Dialog } from "./controls";
import { conversation, open, startNew } from "./conversation";
import { EquipmentPlate } from "./equipment";
import { conversations, forget, search } from "./history";
import { Icon, type IconName } from "./icons";
import { MachineView, PacksView, SettingsView } from "./panels";
import { closePlace, place } from "./place";
import { PrintSheet } from "./print";
import { Store, useStore } from "./store";
import { TokenDialog } from "./token";
import { Viewer } from "./viewer";
import { formatTime, language, say, type Word } from "./words";

/** The views, in the order of the navigation. A new one is a line here. */
const VIEWS = [
  { name: "ask", icon: "ask", View: AskView },
  { name: "packs", icon: "packs", View: PacksView },
  { name: "machine", icon: "machine", View: MachineView },
  { name: "settings", icon: "settings", View: SettingsView },
] as const satisfies { name: string; icon: IconName; View: () => unknown }[];

type ViewName = (typeof VIEWS)[number]["name"];

const view = new Store<ViewName>(readView());
addEventListener("hashchange", () => view.set(readView()));

export function goTo(name: ViewName): void {
  if (name !== "ask" && place.get()) closePlace();
  location.hash = `#/${name}`;
}

function readView(): ViewName {
  const name = location.hash.slice(2);
  return VIEWS.find((one) => one.name === name)?.name ?? "ask";
}

export function Frame() {
  useStore(language); // every word changes with it
  const current = useStore(view);
  const shown = useStore(place);
  const [menu, setMenu] = useState(false);
  const { View } = VIEWS.find((one) => one.name === current)!;
  useEffect(() => {
    document.title = current === "ask" ? "edge" : `${say(`view.${current}`)} · edge`;
  }, [current]);
  return (
    <>
      <a class="skip" href="#main" onClick={skipToQuestion}>
        {say("skip")}
      </a>
      <div class={`frame ${shown && current === "ask" ? "with-page" : ""}`}>
        <aside class="rail">
          <Rail onDone={() => undefined} />
        </aside>
        <header class="bar">
          <Button icon="menu" label={say("menu")} bare kind="quiet" onClick={() => setMenu(true)} />
          <span class="bar-label" aria-hidden="true">
            {say("equipment")}
          </span>
          <EquipmentPlate />
          <span class="grow" />
          <Button
            icon="plus"
            label={say("new")}
            bare
            kind="quiet"
            onClick={() => {
              startNew();
              goTo("ask");
            }}
          />
        </header>
        <main class="main" id="main" tabIndex={current === "ask" ? -1 : 0}>
          <View />
        </main>
        {current === "ask" && <Viewer />}
      </div>
      {menu && (
        <Dialog title="edge" className="drawer" onClose={() => setMenu(false)}>
          <Rail onDone={() => setMenu(false)} />
        </Dialog>
      )}
      <TokenDialog />
      <PrintSheet />
    </>
  );
}

function skipToQuestion(event: Event): void {
  event.preventDefault();
  (document.getElementById("question") ?? document.getElementById("main"))?.focus();
}

function Rail({ onDone }: { onDone: () => void }) {
  const current = useStore(view);
  return (
    <div class="rail-inside">
      <p class="brand" aria-hidden="true">
        <span class="brand-mark" />
        edge
      </p>
      <button
        type="button"
        class="button primary new"
        onClick={() => {
          startNew();
          goTo("ask");
          onDone();
        }}
      >
        <Icon name="plus" />
        <span>{say("new")}</span>
      </button>
      <nav class="views" aria-label={say("menu")}>
        {VIEWS.map(({ name, icon }) => (
          <a
            key={name}
            href={`#/${name}`}
            aria-current={name === current ? "page" : undefined}
            onClick={(event) => {
              event.preventDefault();
              goTo(name);
              onDone();
            }}
          >
            <Icon name={icon} />
            <span>{say(`view.${name}` as Word)}</span>
          </a>
        ))}
      </nav>
      <HistoryList onDone={onDone} />
    </div>
  );
}

function HistoryList({ onDone }: { onDone: () => void }) {
  const all = useStore(conversations);
  const { id } = useStore(conversation);
  const [text, setText] = useState("");
  const found = search(all, text);
  return (
    <section class="history">
      <h2 class="section-title">{say("history")}</h2>
      {all.length > 0 && (
        <input
          class="field"
          type="search"
          value={text}
          aria-label={say("history.search")}
          placeholder={say("history.search")}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      )}
      {all.length === 0 && <p class="hint">{say("history.none")}</p>}
      {all.length > 0 && found.length === 0 && <p class="hint">{say("history.no_match")}</p>}
      <ul class="history-list">
        {found.map((one) => (
          <li key={one.id} class={one.id === id ? "current" : ""}>
            <button
              type="button"
              class="history-entry"
              onClick={() => {
                open(one.id);
                goTo("ask");
                onDone();
              }}
            >
              <span class="history-question">{one.turns[0]?.question}</span>
              <span class="history-time">{formatTime(one.at)}</span>
            </button>
            <Button icon="trash" label={say("history.delete")} bare kind="quiet" onClick={() => forget(one.id)} />
          </li>
        ))}
      </ul>
    </section>
  );
}
