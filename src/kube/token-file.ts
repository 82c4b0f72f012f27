/** A mounted token lives an hour and is replaced at 80 % of that, so a minute's delay is harmless. */
const REREAD_MILLISECONDS = 60_000

/**
 * A token that is read again from its file once a minute, because the kubelet rotates it. The first read is now and may throw; later,
 * while the file cannot be read (it is being replaced), the last token is kept.
 */
export function tokenFromFile(file: string, read: (file: string) => string, now = Date.now): () => string {
  let token = read(file).trim()
  let readAt = now()
  return () => {
    const passedMs = now() - readAt
    // A clock that was set back says nothing: by the old time the token may be long out of date.
    if (passedMs >= 0 && passedMs < REREAD_MILLISECONDS) return token
    readAt = now()
    try {
      token = read(file).trim() || token
    } catch {
      return token
    }
    return token
  }
}
