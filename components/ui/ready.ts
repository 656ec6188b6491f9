"use client";

import { useSyncExternalStore } from "react";

const never = () => () => {};

/** Whether the page's script is at work. What is ticked or typed before would be lost, so such fields wait for it. */
export const useReady = (): boolean =>
  useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
