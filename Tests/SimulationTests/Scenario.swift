import BatchDomain
import TestSupport

/// Everything about one world that is decided before it begins: a pure function of the seed.
struct Scenario: Sendable {
  var seed: UInt64
  var items: [ServiceModel.Item] = []
  var settings = RunSettings()
  var weather = Weather()
  /// Deaths at most.
  var deaths = 0
  /// How likely each call of a port is the last one.
  var deathOdds = 0.0
  /// From this process on nothing dies and the weather is calm.
  var calmFrom = 12
  /// A while in which the disk is full or locked.
  var storeTrouble: (from: Duration, to: Duration, code: StoreError.Code)?
  /// How likely a change fails for good.
  var storeFailureOdds = 0.0
  /// How likely a process is asked to stop: by a signal, or by another process through the store.
  var stopOdds = 0.0
  /// The process that gives the run up, if any.
  var cancelsAt: Int?
  /// Whether what was rejected or failed is sent again once.
  var retries = false
  /// Whether chunks that are held are looked at again after a while.
  var looksAgain = false
  /// Whether somebody sets the machine's clock.
  var setsClock = false
  /// Whether settings are changed between processes.
  var changesSettings = false
  /// Objects of which no asset can be used; with profile v1.3.
  var failingAssets: Set<String> = []
  /// Whether the run is planned without the windows: what the simulation has to notice.
  var ignoresWindows = false
  /// Whether a request is answered from a task that is nobody's child: what the simulation has to notice.
  var strays = false

  /// The scenario of a seed.
  init(seed: UInt64, dice: Dice) {
    self.seed = seed
    drawItems(dice)
    drawSettings(dice)
    drawWeather(dice)
    drawListing(dice)
    drawTroubles(dice)
  }

  private mutating func drawItems(_ dice: Dice) {
    settings.chunkSize = dice.int(1...4)
    let count = dice.int(3...12) * settings.chunkSize - dice.int(0...settings.chunkSize - 1)
    let indexes = dice.pick([1, 1, 1, 2, 3])
    // Every so many items of different folders have the same name.
    let clash = dice.chance(0.12) ? dice.int(2...max(3, count)) : nil
    // Either index by index, or mixed.
    let isMixed = dice.chance(0.5)
    items = (0..<count).map { number in
      let index = isMixed ? number % indexes : number * indexes / count
      let object =
        clash.map { "s3://bucket/folder-\(number / $0)/\(number % $0).mp4" } ?? "s3://bucket/\(number).mp4"
      return ServiceModel.Item(index: "629d807aa9e2a3a33a92c00\(index)", object: object)
    }
  }

  private mutating func drawSettings(_ dice: Dice) {
    settings.concurrency = dice.int(1...4)
    settings.maxAttempts = dice.int(1...4)
    settings.timeout = .seconds(dice.int(1...6))
    settings.maxWait = .seconds(dice.int(5...40))
    settings.settleDelay = dice.milliseconds(200...2_500)
    settings.settleGrace = dice.milliseconds(0...15_000)
    settings.onUnknown = dice.chance(0.8) ? .check : dice.pick([.hold, .resend])
    settings.maxFailures = dice.chance(0.8) ? .percent(100) : dice.pick([.items(2), .percent(30)])
    if dice.chance(0.2) {
      settings.rates = dice.pick([
        [Rate(count: 1, window: .second)],
        [Rate(count: 3, window: .second), Rate(count: 20, window: .minute)],
      ])
    }
  }

  private mutating func drawWeather(_ dice: Dice) {
    weather.slowness = dice.int(1...3)
    weather.mishapOdds = dice.pick([0, 0.1, 0.3, 0.6])
    weather.mishaps = (0..<dice.int(1...4)).map { _ in dice.pick(Weather.Mishap.allCases) }
    if dice.chance(0.4) {
      for _ in 0..<dice.int(1...2) {
        let from = dice.spread(0...4)
        weather.spells.append(
          Weather.Spell(
            from: from, to: from + dice.milliseconds(1_000...20_000), kind: dice.pick(Weather.Outage.allCases)
          ))
      }
    }
    weather.takesParts = dice.chance(0.3)
    if dice.chance(0.4) {
      let victims = (0..<dice.int(1...3)).map { _ in dice.int(0...items.count - 1) }
      switch dice.int(0...3) {
      case 0, 1: weather.poisoned = Set(victims.map { items[$0].object })
      case 2: weather.crashing = Set(victims.prefix(1).map { items[$0].object })
      default: weather.sizeLimit = max(1, settings.chunkSize - 1)
      }
      // Where the service is not to be asked, its refusals are taken at their word, as `docs/settling.md` says.
      if dice.chance(0.2), settings.onUnknown == .check {
        weather.refusalsTakeParts = true
        // The first refusal then shows it: every one has an item before the bad one.
        weather.sizeLimit = nil
        weather.poisoned = Set(
          victims.filter { $0 % settings.chunkSize > 0 }.map { items[$0].object })
      }
    }
    if dice.chance(0.08) { weather.missingIndex = items[dice.int(0...items.count - 1)].index }
  }

  private mutating func drawListing(_ dice: Dice) {
    weather.listing = dice.chance(0.6) ? .sound : dice.pick(Weather.Listing.allCases)
    weather.lag = dice.chance(0.3) ? .zero : dice.milliseconds(50...4_000)
    weather.skew = dice.milliseconds(-100_000...100_000)
    weather.pageLimit = dice.int(3...12)
    if weather.refusalsTakeParts {
      // Where nothing was accepted yet, two looks are believed: a list that shows a part later is beyond the promise.
      if [.stuck, .nameless].contains(weather.listing) { weather.listing = .sound }
      weather.lag = min(weather.lag, settings.settleDelay)
    }
    if dice.chance(0.4) { weather.lateness = settings.settleDelay * 0.8 }
    if dice.chance(0.5) { weather.gatewayLateness = settings.settleGrace * 0.95 }
  }

  private mutating func drawTroubles(_ dice: Dice) {
    deaths = dice.pick([0, 1, 2, 3, 6])
    deathOdds = dice.pick([0.01, 0.03, 0.1])
    stopOdds = dice.pick([0, 0, 0.3])
    if dice.chance(0.15) { cancelsAt = dice.int(0...3) }
    if dice.chance(0.06) {
      let from = dice.spread(0...4)
      storeTrouble = (from, from + dice.milliseconds(1_000...100_000), dice.pick([.full, .locked]))
    }
    if dice.chance(0.1) { storeFailureOdds = 0.01 }
    // What is refused after some of it was taken would be taken twice.
    retries = dice.chance(0.5) && !weather.refusalsTakeParts
    looksAgain = dice.chance(0.4)
    changesSettings = dice.chance(0.2) && !weather.refusalsTakeParts
  }
}
