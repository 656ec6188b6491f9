"use client";

import clsx from "clsx";
import { type ComponentProps, useSyncExternalStore } from "react";
import { Button } from "./ui";

const never = () => () => {};

/**
 * Whether the page's script is at work: it comes after the page was shown. Until then a press that only the script answers
 * would be lost, and what is ticked or typed into fields that it keeps would be forgotten.
 */
export const useReady = (): boolean =>
  useSyncExternalStore(
    never,
    () => true,
    () => false,
  );

/** Fields that wait for the script. What the browser sends by itself, a form with a server action, needs none. */
export const WhenReady = (props: ComponentProps<"fieldset">) => (
  <fieldset {...props} className={clsx("min-w-0", props.className)} disabled={!useReady()} />
);

/** A button that a script answers; inside a form with a server action an ordinary one does. */
export const ReadyButton = ({ disabled = false, ...rest }: ComponentProps<typeof Button>) => (
  <Button {...rest} disabled={!useReady() || disabled} />
);
