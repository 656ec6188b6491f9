import type { RESOURCE_APP_ID } from "../graph/graph.ts";
import type { DesiredRegistration } from "../provisioning/desired.ts";

type Api = keyof typeof RESOURCE_APP_ID;

/** Safe in a comment of any script: no line break can end it. */
export const oneLine = (text: string) => text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ");

/** A day so many months on, as a date. */
export function endOf(now: Date, months: number): string {
  const end = new Date(now);
  end.setUTCMonth(end.getUTCMonth() + months);
  return end.toISOString().slice(0, 10);
}

export const resourcesOf = ({ permissions }: DesiredRegistration): Api[] => [...new Set(permissions.map(({ api }) => api))];

/** A name for a resource or variable in a script, from an id that is lower-case words with dashes. */
export const identifier = (id: string) => id.replaceAll(/[^A-Za-z0-9]/g, "_");
