/** The page begins here. */
import { render } from "preact";
import { Frame } from "./frame";
import { openHistory } from "./history";
import { loadPacks } from "./packs";
import { apply } from "./settings";
import "./style.css";
import { takeToken } from "./token";

async function start(): Promise<void> {
  await apply();
  render(<Frame />, document.getElementById("app")!);
  void openHistory();
  await takeToken();
  await loadPacks();
}

start().catch(() => undefined);
