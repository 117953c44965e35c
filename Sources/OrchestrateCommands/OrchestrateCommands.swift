import Yams
import UnixSignals
import ArgumentParser
