import { build } from "./servers.ts";

build();
