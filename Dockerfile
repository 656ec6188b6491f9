# The portal and its worker. Every step is an npm script that `npm test` runs too; no container engine ran this file itself.
FROM node:24-slim AS build
WORKDIR /portal
COPY . .
# Installs what the lock file names, generates the database client, builds.
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:24-slim
WORKDIR /portal
ENV NODE_ENV=production NEXT_TELEMETRY_DISABLED=1 HOST=0.0.0.0 PORT=3000
COPY --from=build --chown=node:node /portal /portal
USER node
EXPOSE 3000
# A worker: node --import tsx server/worker.ts. Migrations, once before both: node --import tsx scripts/migrate.ts
CMD ["node", "--max-semi-space-size=8", "--disable-sigusr1", "--import", "tsx", "server/main.ts"]
