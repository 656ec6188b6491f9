import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { bindMigrationAwareSqlAdapterFactory, type SqlMigrationAwareDriverAdapterFactory } from "@prisma/driver-adapter-utils";

const filters = { externalTables: [], externalEnums: [] };

/** Prisma's own schema engine as WASM: its binary cannot be had on closed networks. */
async function schemaEngine(factory: SqlMigrationAwareDriverAdapterFactory, datamodel?: string) {
  const require = createRequire(import.meta.url);
  const folder = path.dirname(require.resolve("@prisma/schema-engine-wasm"));
  const glue = await import("@prisma/schema-engine-wasm/schema_engine_bg");
  const { instance } = await WebAssembly.instantiate(readFileSync(path.join(folder, "schema_engine_bg.wasm")), {
    "./schema_engine_bg.js": glue,
  });
  glue.__wbg_set_wasm(instance.exports);
  (instance.exports.__wbindgen_start as () => void)();
  return glue.SchemaEngine.new(
    { datamodels: datamodel ? [["schema.prisma", datamodel]] : undefined },
    () => {},
    bindMigrationAwareSqlAdapterFactory(factory),
  );
}

function migrationsList(baseDir = path.resolve("prisma/migrations")) {
  const migrationDirectories = readdirSync(baseDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(path.join(baseDir, entry.name, "migration.sql")))
    .map(({ name }) => name)
    .sort()
    .map((name) => ({
      path: name,
      migrationFile: {
        path: "migration.sql",
        content: { tag: "ok" as const, value: readFileSync(path.join(baseDir, name, "migration.sql"), "utf8") },
      },
    }));
  const lockfile = path.join(baseDir, "migration_lock.toml");
  return {
    baseDir,
    lockfile: { path: "migration_lock.toml", content: readFileSync(lockfile, "utf8") },
    shadowDbInitScript: "",
    migrationDirectories,
  };
}

/** Applies what is missing, in order, and returns the names of what it applied. */
export async function applyMigrations(factory: SqlMigrationAwareDriverAdapterFactory): Promise<string[]> {
  const engine = await schemaEngine(factory);
  try {
    return (await engine.applyMigrations({ migrationsList: migrationsList(), filters })).appliedMigrationNames;
  } finally {
    engine.free();
  }
}

/** The SQL that is missing between the migrations and `prisma/schema.prisma`; `factory` is an empty scratch database. */
export async function missingSql(factory: SqlMigrationAwareDriverAdapterFactory): Promise<string> {
  const content = readFileSync("prisma/schema.prisma", "utf8");
  const engine = await schemaEngine(factory, content);
  try {
    const { stdout } = await engine.diff({
      from: { tag: "migrations", ...migrationsList() },
      to: { tag: "schemaDatamodel", files: [{ path: "schema.prisma", content }] },
      script: true,
      exitCode: null,
      filters,
    });
    return stdout ?? "";
  } finally {
    engine.free();
  }
}
