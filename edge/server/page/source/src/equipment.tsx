/** The equipment in question, shown at all times: typed, pasted or scanned from the nameplate. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Button, Dialog } from "./controls";
import { Icon } from "./icons";
import { getEquipment, ServerError } from "./server";
import { change, settings } from "./settings";
import { useStore } from "./store";
import { say } from "./words";

const SCAN_MS = 200;

interface Detector {
  detect(source: HTMLVideoElement): Promise<{ rawValue: string }[]>;
}

declare global {
  interface Window {
    BarcodeDetector?: new () => Detector;
  }
}

export function EquipmentPlate() {
  const { equipment } = useStore(settings);
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        class={`nameplate ${equipment ? "set" : ""}`}
        aria-label={`${say("equipment")}: ${equipment || say("equipment.all")}`}
        aria-haspopup="dialog"
        onClick={() => setOpen(true)}
      >
        <span>{equipment || say("equipment.all")}</span>
        <Icon name="down" />
      </button>
      {open && <EquipmentDialog onClose={() => setOpen(false)} />}
    </>
  );
}

function EquipmentDialog({ onClose }: { onClose: () => void }) {
  const { equipment } = useStore(settings);
  const [model, setModel] = useState(equipment);
  const [models, setModels] = useState<string[]>([]);
  const [problem, setProblem] = useState("");
  const [scanning, setScanning] = useState(false);
  useEffect(() => {
    getEquipment().then(
      (found) => setModels(found.models.filter((one) => !/[*?]/.test(one))),
      () => undefined,
    );
  }, []);
  const use = async (wanted: string) => {
    const name = wanted.trim();
    if (name) {
      try {
        if (!(await getEquipment(name)).known) return setProblem(say("equipment.unknown", { model: name }));
      } catch (error) {
        return setProblem(error instanceof ServerError ? error.problem.detail : say("error.unreachable"));
      }
    }
    change({ equipment: name });
    onClose();
  };
  return (
    <Dialog title={say("equipment.choose")} onClose={onClose}>
      <p class="hint">{say("equipment.hint")}</p>
      <form
        class="equipment-form"
        onSubmit={(event) => {
          event.preventDefault();
          void use(model);
        }}
      >
        <label>
          {say("equipment.label")}
          <input
            class="field code"
            value={model}
            autocapitalize="characters"
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => {
              setModel(event.currentTarget.value);
              setProblem("");
            }}
          />
        </label>
        {problem && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        {scanning && (
          <Scanner
            onFound={(code) => {
              setScanning(false);
              setModel(code);
              void use(code);
            }}
            onProblem={(text) => {
              setScanning(false);
              setProblem(text);
            }}
          />
        )}
        <div class="row">
          <Button kind="primary" type="submit" icon="check" label={say("equipment.use")} disabled={!model.trim()} />
          <Button
            icon="scan"
            label={say("equipment.scan")}
            onClick={() => (window.BarcodeDetector ? setScanning(true) : setProblem(say("equipment.no_scan")))}
          />
          {equipment && <Button label={say("equipment.clear")} onClick={() => void use("")} />}
        </div>
      </form>
      {models.length > 0 && (
        <>
          <h3 class="section-title">{say("equipment.known")}</h3>
          <ul class="models">
            {models.map((one) => (
              <li key={one}>
                <button type="button" class="nameplate" onClick={() => void use(one)}>
                  <span>{one}</span>
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </Dialog>
  );
}

function Scanner({ onFound, onProblem }: { onFound: (code: string) => void; onProblem: (text: string) => void }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    let stream: MediaStream | null = null;
    let timer = 0;
    let ended = false;
    const begin = async () => {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      if (ended) return stop();
      video.current!.srcObject = stream;
      await video.current!.play();
      const detector = new window.BarcodeDetector!();
      timer = setInterval(() => {
        void detector.detect(video.current!).then(
          ([code]) => code && !ended && onFound(code.rawValue),
          () => undefined,
        );
      }, SCAN_MS);
    };
    const stop = () => {
      ended = true;
      clearInterval(timer);
      stream?.getTracks().forEach((track) => track.stop());
    };
    begin().catch((error: unknown) =>
      onProblem(say("equipment.scan_failed", { reason: error instanceof Error ? error.message : String(error) })),
    );
    return stop;
  }, []);
  return (
    <figure class="scanner">
      <video ref={video} muted playsInline />
      <figcaption>{say("equipment.scanning")}</figcaption>
    </figure>
  );
}
