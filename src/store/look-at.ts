/** What is seen of a state now, or why it cannot be seen, as data: it is told later. */
export function lookAt<T>(look: () => T): { readonly error?: Error; readonly seen?: T } {
  try {
    return { seen: look() };
  } catch (error) {
    return { error: error as Error };
  }
}
