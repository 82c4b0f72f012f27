import type { ServerResponse } from 'node:http'

/** Adds a warning to an answer (RFC 7234 §5.5, code 299), as kubectl prints them. Before the head is written. */
export function warn(response: ServerResponse, text: string): void {
  response.appendHeader('warning', `299 - "${text.replace(/["\\]/g, '\\$&')}"`)
}
