-- CreateTable
CREATE TABLE "Installation" (
    "id" INTEGER NOT NULL,
    "identity" TEXT NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Installation_pkey" PRIMARY KEY ("id")
);
