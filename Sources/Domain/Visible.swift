extension StringProtocol {
    /// The text with everything that a terminal would obey instead of show written out: providers' and customers'
    /// words reach an operator's screen, and an escape sequence in one could repaint the lines around it.
    package var visible: String {
        guard unicodeScalars.contains(where: \.isObeyed) else { return String(self) }
        var text = ""
        for scalar in unicodeScalars {
            if scalar == "\n" {
                text += "\\n"
            } else if scalar.isObeyed {
                text += "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}

extension Unicode.Scalar {
    /// C0 and C1 controls, and what turns the direction of writing around.
    package var isObeyed: Bool {
        switch value {
        case 0..<0x20, 0x7F..<0xA0, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
