/** Scales a picture down to the size that models use. */

/** Models scale larger pictures down. */
const MAX_SIDE = 1024;
const JPEG_QUALITY = 0.85;

/** A `data:` URL; null: this browser cannot read the file as a picture. */
export async function shrunken(file: File): Promise<string | null> {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) return null;
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  // PNG keeps the sharp edges and the transparency of drawings.
  const type = file.type === "image/png" ? "image/png" : "image/jpeg";
  return canvas.toDataURL(type, JPEG_QUALITY);
}
