import type { Api } from "./snapshot.ts";

const API_NAME: Record<Api, string> = { graph: "Microsoft Graph", exchange: "Office 365 Exchange Online" };
export const apiName = (api: Api) => API_NAME[api];

export const counted = (count: number, one: string, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;
