-- CreateTable
CREATE TABLE "ManifestVersion" (
    "digest" TEXT NOT NULL,
    "productId" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "content" JSONB NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "ManifestVersion_pkey" PRIMARY KEY ("digest")
);

