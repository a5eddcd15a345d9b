/** A set of integers from 0, a bit each. */
export class Bits {
  #bytes = new Uint8Array(1024);
  count = 0;

  has(n: number): boolean {
    return ((this.#bytes[Math.floor(n / 8)] ?? 0) & (1 << (n & 7))) !== 0;
  }

  add(n: number): void {
    const at = Math.floor(n / 8);
    if (at >= this.#bytes.length) {
      const larger = new Uint8Array(2 * at);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    if (this.has(n)) return;
    this.#bytes[at]! |= 1 << (n & 7);
    this.count++;
  }

  removeAll(others: Bits): void {
    this.count = 0;
    for (let at = 0; at < this.#bytes.length; at++) {
      this.#bytes[at]! &= ~(others.#bytes[at] ?? 0);
      for (let byte = this.#bytes[at]!; byte !== 0; byte &= byte - 1) this.count++;
    }
  }
}
