// Brings the database up to date: DATABASE_URL when it is set, else the embedded one in DATA_DIR.
import { databaseAdapter } from "../lib/db.ts";
import { applyMigrations } from "./migrations.ts";

const url = process.env.DATABASE_URL || undefined;
const applied = await applyMigrations(databaseAdapter({ url, folder: process.env.DATA_DIR || ".data" }));
console.log(applied.length > 0 ? `Database: applied ${applied.join(", ")}` : "Database: up to date");
process.exit(0);
