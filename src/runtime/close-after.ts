/** Something to let go of, such as a session. */
interface Closable {
  close(): Promise<void>;
}

/**
 * Closes a resource when the work with it is over. When the work fails, that failure is what is thrown: closing what
 * is on a lost device fails as well, and says less.
 */
export async function closeAfter<T>(resource: Closable, work: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await resource.close().catch(() => undefined);
    throw error;
  }
  await resource.close();
  return result;
}
