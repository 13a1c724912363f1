/** Buttons, dialogs and other small parts that several views use. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Icon, type IconName } from "./icons";
import { say } from "./words";

interface ButtonProps {
  icon?: IconName;
  label: string;
  /** Show the picture alone; the label is for screen readers and as a tip. */
  bare?: boolean;
  kind?: "primary" | "plain" | "quiet";
  disabled?: boolean;
  pressed?: boolean;
  type?: "button" | "submit";
  onClick?: () => void;
}

export function Button({ icon, label, bare, kind = "plain", disabled, pressed, type = "button", onClick }: ButtonProps) {
  return (
    <button
      type={type}
      class={`button ${kind} ${bare ? "bare" : ""}`}
      disabled={disabled}
      aria-pressed={pressed}
      aria-label={bare ? label : undefined}
      title={bare ? label : undefined}
      onClick={onClick}
    >
      {icon && <Icon name={icon} />}
      {!bare && <span>{label}</span>}
    </button>
  );
}

interface DialogProps {
  title: string;
  onClose?: () => void;
  className?: string;
  children: ComponentChildren;
}

/** A window over the page; Escape closes it unless it cannot be closed. */
export function Dialog({ title, onClose, className = "", children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={`dialog ${className}`}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose?.();
      }}
      onClick={(event) => event.target === dialog.current && onClose?.()}
    >
      <div class="dialog-inside">
        <header class="dialog-head">
          <h2 id={id}>{title}</h2>
          {onClose && <Button icon="close" label={say("close")} bare kind="quiet" onClick={onClose} />}
        </header>
        {children}
      </div>
    </dialog>
  );
}

interface ChoiceProps<T extends string> {
  label: string;
  value: T;
  options: { value: T; label: string }[];
  onChange: (value: T) => void;
}

/** One of a few, as large buttons. */
export function Choice<T extends string>({ label, value, options, onChange }: ChoiceProps<T>) {
  const name = useId();
  return (
    <fieldset class="choice">
      <legend>{label}</legend>
      <div class="choice-options">
        {options.map((option) => (
          <label key={option.value} class="choice-option">
            <input
              type="radio"
              name={name}
              checked={option.value === value}
              onChange={() => onChange(option.value)}
            />
            <span>{option.label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** Say something to screen readers, and to nobody else. */
export function Announcement({ children }: { children: ComponentChildren }) {
  return (
    <div class="unseen" role="status" aria-live="polite">
      {children}
    </div>
  );
}
