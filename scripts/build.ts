import { build } from "./production.ts";

await build();
