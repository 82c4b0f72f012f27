/** Configuration of a network: a list of plugins (CNI specification 0.4.0 and 1.0.0, "Network configuration format"). */
export interface Conflist {
  cniVersion: string
  name: string
  disableCheck?: boolean
  plugins: ({ type: string } & Record<string, unknown>)[]
}

/**
 * The pod network of one node, from the reference plugins: a bridge with the node's pod CIDRs (a range each for host-local, so that a pod gets an
 * address of each family, and a default route). The bridge reflects (hairpin), so that a pod reaches itself through its own Service.
 * Addresses are remembered in host-local's /var/lib/cni/networks, which is the node's own. Behind it stands `portmap`, for host ports, as in K3s' own list.
 */
export const nodeConflist = (podCIDRs: readonly string[]): Conflist => ({
  cniVersion: '0.4.0',
  name: 'weft',
  plugins: [
    {
      type: 'bridge',
      bridge: 'cni0',
      isDefaultGateway: true,
      hairpinMode: true,
      ipMasq: false,
      ipam: { type: 'host-local', ranges: podCIDRs.map((subnet) => [{ subnet }]) },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
})

/** The loopback of a pod: a network of its own, as container runtimes have it. */
export const loopbackConflist: Conflist = {
  cniVersion: '0.4.0',
  name: 'cni-loopback',
  plugins: [{ type: 'loopback' }],
}
