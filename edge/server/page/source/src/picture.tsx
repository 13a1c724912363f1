/** A page as a picture, with the cited lines marked, larger and smaller by wheel, fingers and buttons. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Announcement, Button } from "./controls";
import type { Place } from "./place";
import { locateDocument, locateTexts } from "./server";
import type { Box, Contents } from "./shapes";
import { say } from "./words";

const WIDTHS = [800, 1200, 1800, 2600, 3600];
const LEAST = 1;
const MOST = 6;
const STEP = 1.4;
const MARGIN = 0.25;
/** On a narrow screen a page opens so large that its text can be read. */
const NARROW = 500;
const NARROW_ZOOM = 1.8;

interface PictureProps {
  place: Place;
  contents: Contents;
  page: number;
  found: string;
}

export function Picture({ place, contents, page, found }: PictureProps) {
  const frame = useRef<HTMLDivElement>(null);
  const [zoom, setZoom] = useState(1);
  const [frameWidth, setFrameWidth] = useState(0);
  const [loaded, setLoaded] = useState(0);
  const [failed, setFailed] = useState(0);
  const [strong, setStrong] = useState<Box[]>([]);
  const [opened, setOpened] = useState(0);
  const state = loaded === page ? "shown" : failed === page ? "failed" : "loading";
  const size = contents.pages[page - 1] ?? { width: 595, height: 842 };
  const marked = (place.passage?.boxes ?? []).filter((box) => box.page === page);
  const width = chooseWidth(frameWidth * zoom);
  const address = (n: number) =>
    `${locateDocument(place.pack, place.document)}/pages/${n}.png?width=${width}&sha256=${contents.sha256}`;

  useLayoutEffect(() => {
    const measure = () => setFrameWidth(frame.current?.clientWidth ?? 0);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(frame.current!);
    return () => observer.disconnect();
  }, []);

  // What the answer quotes, and what is looked for, is located on this very page.
  useEffect(() => {
    const gone = new AbortController();
    setStrong([]);
    const isCited = place.passage && page >= place.passage.page_from && page <= place.passage.page_to;
    const texts = found ? [found] : isCited ? place.quotes.slice(0, 20) : [];
    locateTexts(place.pack, place.document, page, texts, gone.signal).then(
      (places) => setStrong(places.flat()),
      () => undefined,
    );
    return () => gone.abort();
  }, [page, found, place.opening]);

  // The first mark comes into sight.
  const first = (strong.length && !found ? inside(strong, marked) : null) ?? strong[0] ?? marked[0];
  useEffect(() => {
    const box = frame.current;
    if (!box || !frameWidth) return;
    const height = (frameWidth * zoom * size.height) / size.width;
    const left = first ? Math.max(0, (first.left - 0.02) * frameWidth * zoom) : 0;
    box.scrollTo({ left, top: first ? Math.max(0, first.top * height - box.clientHeight * MARGIN) : 0 });
  }, [page, place.opening, first?.top, frameWidth > 0, opened]);
  useEffect(() => {
    if (frameWidth && frameWidth < NARROW && opened !== place.opening) {
      setZoom(NARROW_ZOOM);
      setOpened(place.opening);
    }
  }, [frameWidth > 0, place.opening]);

  useEffect(() => {
    const box = frame.current!;
    const onWheel = (event: WheelEvent) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoomAt(event.clientX, event.clientY, Math.exp(-event.deltaY / 200));
    };
    let apart = 0;
    const onTouch = (event: TouchEvent) => {
      const [one, other] = [event.touches[0], event.touches[1]];
      if (!one || !other) {
        apart = 0;
        return;
      }
      const now = Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
      if (apart) zoomAt((one.clientX + other.clientX) / 2, (one.clientY + other.clientY) / 2, now / apart);
      apart = now;
      event.preventDefault();
    };
    box.addEventListener("wheel", onWheel, { passive: false });
    box.addEventListener("touchstart", onTouch, { passive: false });
    box.addEventListener("touchmove", onTouch, { passive: false });
    box.addEventListener("touchend", onTouch);
    return () => {
      box.removeEventListener("wheel", onWheel);
      box.removeEventListener("touchstart", onTouch);
      box.removeEventListener("touchmove", onTouch);
      box.removeEventListener("touchend", onTouch);
    };
  }, []);

  /** Change the zoom so that the point under the pointer stays where it is. */
  const zoomAt = (x: number, y: number, factor: number) =>
    setZoom((before) => {
      const after = Math.min(MOST, Math.max(LEAST, before * factor));
      const box = frame.current!;
      const edges = box.getBoundingClientRect();
      const [across, down] = [x - edges.left, y - edges.top];
      const ratio = after / before;
      const [left, top] = [(box.scrollLeft + across) * ratio - across, (box.scrollTop + down) * ratio - down];
      requestAnimationFrame(() => box.scrollTo({ left, top }));
      return after;
    });
  const zoomBy = (factor: number) => {
    const edges = frame.current!.getBoundingClientRect();
    zoomAt(edges.left + edges.width / 2, edges.top + edges.height / 2, factor);
  };
  const onLoad = () => {
    setLoaded(page);
    for (const n of [page + 1, page - 1]) {
      if (n >= 1 && n <= contents.pages.length) new Image().src = address(n);
    }
  };
  const label = contents.pages[page - 1]?.label ?? page;
  const isCitedPage = place.passage !== null && page === place.page;
  return (
    <div class="picture">
      <div class="picture-frame" ref={frame} tabIndex={0} role="group" aria-label={say("page.view")}>
        <div
          class={`sheet-of-paper ${state}`}
          style={{ width: `${zoom * 100}%`, aspectRatio: `${size.width} / ${size.height}` }}
        >
          {frameWidth > 0 && (
            <img
              key={page}
              src={address(page)}
              alt={say("page.picture", { page: say("page", { page: label }), document: place.document })}
              onLoad={onLoad}
              onError={() => setFailed(page)}
              draggable={false}
            />
          )}
          {state === "shown" && !found && <Boxes boxes={marked} kind="cited" />}
          {state === "shown" && <Boxes boxes={strong} kind={found ? "found" : "quoted"} />}
        </div>
        {state === "loading" && <p class="picture-note">{say("page.loading")}</p>}
        {state === "failed" && <p class="picture-note">{say("page.failed")}</p>}
        {state === "shown" && isCitedPage && !found && marked.length === 0 && strong.length === 0 && (
          <p class="picture-note">{say("page.not_marked")}</p>
        )}
      </div>
      <div class="picture-zoom">
        <Button icon="plus" label={say("page.zoom_in")} bare onClick={() => zoomBy(STEP)} disabled={zoom >= MOST} />
        <Button icon="minus" label={say("page.zoom_out")} bare onClick={() => zoomBy(1 / STEP)} disabled={zoom <= LEAST} />
      </div>
      <Announcement>
        {state === "shown" && isCitedPage && place.quotes.length > 0 && strong.length > 0
          ? say("page.marked", { text: place.quotes[0]! })
          : ""}
      </Announcement>
    </div>
  );
}

function Boxes({ boxes, kind }: { boxes: Box[]; kind: "cited" | "quoted" | "found" }) {
  return (
    <>
      {boxes.map((box, index) => (
        <div
          key={index}
          class={`box ${kind}`}
          style={{
            left: `${box.left * 100}%`,
            top: `${box.top * 100}%`,
            width: `${(box.right - box.left) * 100}%`,
            height: `${(box.bottom - box.top) * 100}%`,
          }}
        />
      ))}
    </>
  );
}

/** Return the first box that lies within the passage's own lines: a sentence may stand on a page twice. */
function inside(strong: Box[], cited: Box[]): Box | null {
  const near = (box: Box) => cited.some((line) => box.top < line.bottom && box.bottom > line.top);
  return strong.find(near) ?? null;
}

function chooseWidth(shown: number): number {
  const wanted = shown * Math.min(2, devicePixelRatio);
  return WIDTHS.find((width) => width >= wanted * 0.9) ?? WIDTHS.at(-1)!;
}
