import ArgumentParser
package import BatchDomain

extension ServiceProfile: ExpressibleByArgument {}

extension UnknownPolicy: ExpressibleByArgument {}
