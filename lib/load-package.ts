import { MissingPackage } from './errors.js'

/**
 * Loads a package that is an optional peer: it is there only where it is used.
 *
 * @param name - Not a literal for the compiler, since the types of the package may be missing, too.
 * @param user - What needs it, for the error.
 * @throws {MissingPackage} It is not installed, or does not load.
 */
export async function loadPackage<Package> (name: string, user: string): Promise<Package> {
  try {
    return await import(name) as Package
  } catch (cause) {
    throw new MissingPackage(user, name, { cause })
  }
}
