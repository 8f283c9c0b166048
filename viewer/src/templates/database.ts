/**
 * Templates kept in the browser (IndexedDB), images apart from the rest: moving one doesn't write
 * its pixels again. Where there is no storage nothing is kept, and nothing fails.
 */
import type { Template } from "./template";

const NAME = "tilecast-templates";
const VERSION = 1;
const TEMPLATES = "templates";
const IMAGES = "images";
const BY_CANVAS = "canvas";

type Row = Omit<Template, "image">;

export class TemplateDatabase {
  private constructor(private readonly database: IDBDatabase) {}

  /** Null where the browser keeps nothing for this page. */
  static async open(): Promise<TemplateDatabase | null> {
    try {
      const opening = indexedDB.open(NAME, VERSION);
      opening.onupgradeneeded = () => {
        const { result } = opening;
        result.createObjectStore(TEMPLATES, { keyPath: "id" }).createIndex(BY_CANVAS, "canvas");
        result.createObjectStore(IMAGES);
      };
      return new TemplateDatabase(await answer(opening));
    } catch {
      return null;
    }
  }

  /** A canvas's templates; those whose image is lost are left out. */
  async load(canvas: string): Promise<Template[]> {
    const reading = this.database.transaction([TEMPLATES, IMAGES]);
    const images = reading.objectStore(IMAGES);
    const rows: Row[] = await answer(
      reading.objectStore(TEMPLATES).index(BY_CANVAS).getAll(canvas),
    );
    const whole = rows.map(async (row) => ({ ...row, image: await answer(images.get(row.id)) }));
    return (await Promise.all(whole)).filter(({ image }) => image !== undefined);
  }

  async add(template: Template): Promise<void> {
    const { image, ...row } = template;
    await this.write((templates, images) => {
      templates.put(row);
      images.put(image, template.id);
    });
  }

  /** Writes all but the image, of one that was added. */
  async update({ image: _, ...row }: Template): Promise<void> {
    await this.write((templates) => templates.put(row));
  }

  async remove(id: string): Promise<void> {
    await this.write((templates, images) => {
      templates.delete(id);
      images.delete(id);
    });
  }

  private write(
    change: (templates: IDBObjectStore, images: IDBObjectStore) => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const writing = this.database.transaction([TEMPLATES, IMAGES], "readwrite");
      writing.oncomplete = () => resolve();
      writing.onabort = () => reject(writing.error);
      change(writing.objectStore(TEMPLATES), writing.objectStore(IMAGES));
    });
  }
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
