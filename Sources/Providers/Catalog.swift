extension Provider {
    /// Every upstream there is: one line each, in the order they are tried when the operator names none.
    package static let all: [Provider] = [
        .threeDAIStudio,
        .fal,
        .runware,
        .pixazo,
        .empirioLabs,
        .sandbox,
    ]
}
