# The portal and its worker. The build is the npm script that `npm test` runs, and what the tests start is the folder that
# the second stage takes; no container engine ran this file itself.
FROM node:24-slim AS build
WORKDIR /portal
COPY . .
# Installs what the lock file names, generates the database client, builds.
RUN npm run build

FROM node:24-slim
WORKDIR /portal
ENV NODE_ENV=production NEXT_TELEMETRY_DISABLED=1 HOST=0.0.0.0 PORT=3000
COPY --from=build --chown=node:node /portal/.next/standalone ./
USER node
EXPOSE 3000
# Migrations, once before both: node migrate.js. A worker: node worker.js. The operator's other commands lie beside them.
CMD ["node", "--max-semi-space-size=8", "--disable-sigusr1", "portal.js"]
