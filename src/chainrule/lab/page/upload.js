/** Files of the person, on their way to the lab. */

const PIECE = 8 << 20; // bytes of one message
const MOST_FILES = 20_000;

/**
 * Bring a file to the lab, or files of one folder.
 * @param {import("./store.js").Store} store
 * @param {[string, File][]} files each with its name, "pets/cat/1.png" of one in a folder
 * @param {(done: number) => void} [tell] hears from 0 to 1 how far it is
 * @returns {Promise<string>} the id of the upload
 */
export async function upload(store, files, tell = () => {}) {
  if (files.length > MOST_FILES) throw new Error(`${files.length} files are more than the ${MOST_FILES} that a page takes; name the folder when you start the lab`);
  const total = files.reduce((sum, [, file]) => sum + file.size, 0) || 1;
  let [id, sent] = [null, 0];
  for (const [name, file] of files) {
    let start = 0;
    do {
      const data = new Uint8Array(await file.slice(start, start + PIECE).arrayBuffer());
      const given = { name, bytes: { shape: [data.length], data }, more: start > 0 };
      ({ upload: id } = await store.ask("upload", id === null ? given : { ...given, upload: id }));
      start += PIECE;
      sent += data.length;
      tell(sent / total);
    } while (start < file.size);
  }
  return id;
}

/**
 * The files of a choice or of something dropped: of a folder with their places in it, hidden ones left out.
 * @param {FileList | DataTransfer} given
 * @returns {Promise<[string, File][]>}
 */
export async function filesOf(given) {
  const items = "items" in given ? [...given.items] : [];
  const entries = items.map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = entries.length ? (await Promise.all(entries.map(inside))).flat()
    : [..."files" in given ? given.files : given].map((file) => [file.webkitRelativePath || file.name, file]);
  return found.filter(([name]) => !name.split("/").some((part) => part.startsWith(".")));
}

/** All files of an entry. */
async function inside(entry) {
  const name = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) return [[name, await new Promise((resolve, reject) => entry.file(resolve, reject))]];
  const reader = entry.createReader();
  const found = [];
  for (;;) { // a reader gives at most a hundred at a time
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return (await Promise.all(found.map(inside))).flat();
    found.push(...some);
  }
}
