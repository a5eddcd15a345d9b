/** Returns what `look` returned or threw as data, since the caller sends it later. */
export function lookAt<T>(look: () => T): { readonly error?: Error; readonly seen?: T } {
  try {
    return { seen: look() };
  } catch (error) {
    return { error: error as Error };
  }
}
