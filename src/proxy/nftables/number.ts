/**
 * The 32-bit number that travels in `meta priority` between the rules, and stands as the value of `services`, `nodeports` and `lists`:
 * bits 0–19 the endpoint list, 20–27 its size code, 29–31 how the address is treated.
 */
export const listMask = 0xfffff

/** The highest number that an endpoint list can have. */
export const highestList = listMask

/** Reached from outside (NodePort, external IP, load-balancer IP): always masqueraded, and `protected` is checked. */
export const external = 0x2000_0000

/** externalTrafficPolicy Local, always together with `external`. */
export const externalLocal = 0x4000_0000

/** Only the clients in `lb_sources` may use it; always together with `external`. */
export const restricted = 0x8000_0000

/** Highest id of an endpoint within a list with affinity: it takes the upper 12 bits of what a client's pin names. */
export const highestEndpointId = 0xfff

/** What `sticky_slots` holds and `sticky_ends` and pins are found under: an endpoint of a list, by its id. */
export const endpointValue = (list: number, id: number): string => String(((id << 20) | list) >>> 0)

/** The endpoint's id in such a value. */
export const endpointIdOf = (value: string): number => Number(value) >>> 20

/** The value of `lists` for a list that has endpoints elsewhere and none here: dropped. */
export const noneHereValue = (list: number): string => String(((0xff << 20) | list) >>> 0)

/** The value of `lists` and `local_lists`: a list of size class `index` (src/proxy/nftables/sizes.ts), plain or with session affinity. */
export const sizeValue = (list: number, index: number, sticky = false): string =>
  String((((sticky ? 0x81 + index : 1 + index) << 20) | list) >>> 0)

/** The value of `services` and `nodeports`. */
export const addressValue = (list: number, flags: number): string => String((flags | list) >>> 0)

/** The list that a value of `services`, `nodeports` or `lists` names. */
export const listOf = (value: string): number => Number(value) & listMask

/**
 * Lengths of the prefixes in `lb_sources` are multiples of this, each of which is a lookup for every new connection to an address with source ranges: 8 over IPv4, 32 over IPv6. A prefix
 * of another length is up to 8 elements.
 */
export const prefixStep = 4

/** The number that a prefix of this length stands under in `lb_sources`: bits 0–19 the list, 20–27 the length. */
export const prefixNumber = (list: number, length: number): number => (length << 20) | list
