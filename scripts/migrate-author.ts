// Prints the SQL of the next migration: what prisma/schema.prisma has and prisma/migrations has not.
import { PGlite } from "@electric-sql/pglite";
import { PrismaPGlite } from "pglite-prisma-adapter";
import { missingSql } from "./migrations.ts";

console.log(await missingSql(new PrismaPGlite(new PGlite())));
process.exit(0);
