/**
 * A block of special-purpose addresses: its CIDR, what to call it, and the document that made it
 * so. The first row that holds an address names it, so a block stands above the wider one it is cut
 * from.
 */
export type SpecialBlock = readonly [cidr: string, name: string, source: string]

/**
 * Every special-purpose block, after the IANA registries "IPv4 Special-Purpose Address Space" and
 * "IPv6 Special-Purpose Address Space" (as of October 2025), with the multicast, site-local and
 * IPv4-compatible blocks, which are registered elsewhere. Blocks that IANA marks as globally
 * reachable (AS112, AMT, the anycast addresses) are in: the nearest instance may well be an
 * internal one, and no web site lives there.
 *
 * Absent on purpose: `::ffff:0:0/96` (read as the IPv4 address in it) and `64:ff9b::/96`
 * (classified by it).
 *
 * @see {@link https://www.iana.org/assignments/iana-ipv4-special-registry/ IANA, IPv4}
 * @see {@link https://www.iana.org/assignments/iana-ipv6-special-registry/ IANA, IPv6}
 */
export const SPECIAL_BLOCKS: readonly SpecialBlock[] = [
  ['0.0.0.0/32', 'unspecified', 'RFC 1122, 3.2.1.3'],
  ['0.0.0.0/8', 'this-network', 'RFC 791, 3.2'],
  ['10.0.0.0/8', 'private-use', 'RFC 1918'],
  ['100.64.0.0/10', 'shared-address-space', 'RFC 6598'],
  ['127.0.0.0/8', 'loopback', 'RFC 1122, 3.2.1.3'],
  ['169.254.0.0/16', 'link-local', 'RFC 3927'],
  ['172.16.0.0/12', 'private-use', 'RFC 1918'],
  ['192.0.0.0/24', 'protocol-assignments', 'RFC 6890'],
  ['192.0.2.0/24', 'documentation', 'RFC 5737'],
  ['192.31.196.0/24', 'as112', 'RFC 7535'],
  ['192.52.193.0/24', 'amt', 'RFC 7450'],
  ['192.88.99.0/24', '6to4-relay', 'RFC 7526'],
  ['192.168.0.0/16', 'private-use', 'RFC 1918'],
  ['192.175.48.0/24', 'as112', 'RFC 7534'],
  ['198.18.0.0/15', 'benchmarking', 'RFC 2544'],
  ['198.51.100.0/24', 'documentation', 'RFC 5737'],
  ['203.0.113.0/24', 'documentation', 'RFC 5737'],
  ['224.0.0.0/4', 'multicast', 'RFC 5771'],
  ['255.255.255.255/32', 'broadcast', 'RFC 919, 7'],
  ['240.0.0.0/4', 'reserved', 'RFC 1112, 4'],

  ['::/128', 'unspecified', 'RFC 4291, 2.5.2'],
  ['::1/128', 'loopback', 'RFC 4291, 2.5.3'],
  ['::/96', 'ipv4-compatible', 'RFC 4291, 2.5.5.1'],
  ['::ffff:0:0:0/96', 'ipv4-translated', 'RFC 2765, 2.1'],
  ['64:ff9b:1::/48', 'nat64-local', 'RFC 8215'],
  ['100::/64', 'discard-only', 'RFC 6666'],
  ['100:0:0:1::/64', 'dummy', 'RFC 9780'],
  ['2001::/32', 'teredo', 'RFC 4380'],
  ['2001:2::/48', 'benchmarking', 'RFC 5180'],
  ['2001:3::/32', 'amt', 'RFC 7450'],
  ['2001:4:112::/48', 'as112', 'RFC 7535'],
  ['2001:10::/28', 'orchid', 'RFC 4843'],
  ['2001:20::/28', 'orchid', 'RFC 7343'],
  ['2001:30::/28', 'drone-remote-id', 'RFC 9374'],
  ['2001::/23', 'protocol-assignments', 'RFC 2928'],
  ['2001:db8::/32', 'documentation', 'RFC 3849'],
  ['2002::/16', '6to4', 'RFC 3056'],
  ['2620:4f:8000::/48', 'as112', 'RFC 7534'],
  ['3fff::/20', 'documentation', 'RFC 9637'],
  ['5f00::/16', 'segment-routing', 'RFC 9602'],
  ['fc00::/7', 'unique-local', 'RFC 4193'],
  ['fe80::/10', 'link-local', 'RFC 4291, 2.5.6'],
  ['fec0::/10', 'site-local', 'RFC 3879'],
  ['ff00::/8', 'multicast', 'RFC 4291, 2.7']
]
