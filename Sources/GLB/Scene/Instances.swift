/// A primitive at a place in the scene.
struct Instance {
    let primitive: Document.Primitive
    let transform: Matrix
}

extension Document {
    /// The default scene's primitives with their places in the world; with no scene, those of all nodes. Walks with a
    /// list rather than by recursion, for a chain of nodes may be as long as the JSON allows.
    func instances() throws(GLBFault) -> [Instance] {
        var waiting: [(node: Int, parent: Matrix)] = roots.map { ($0, .identity) }
        var instances: [Instance] = []
        // A scene may name a node and its child both as roots, so the forest alone does not bound the walk.
        var visits = 0
        var shown = 0
        while let (index, parent) = waiting.popLast() {
            visits += 1
            guard visits <= 4 * nodes.count else {
                throw GLBFault(.notATree, "the scene reaches its \(nodes.count) nodes more than \(visits) times")
            }
            let node = nodes[index]
            let world = parent * node.transform
            guard world.isFinite else {
                throw GLBFault(.notFinite, "the place of node \(index) is not finite")
            }
            if let mesh = node.mesh {
                shown += meshes[mesh].primitives.count
                guard shown <= Self.mostInstances else {
                    throw GLBFault(.tooLarge, "the scene shows more than \(Self.mostInstances) parts")
                }
                for primitive in meshes[mesh].primitives where primitive.attribute("POSITION") != nil {
                    instances.append(Instance(primitive: primitive, transform: world))
                }
            }
            waiting += node.children.map { ($0, world) }
        }
        return instances
    }

    /// A mesh of a thousand parts shown by a thousand nodes is a million parts in a JSON of kilobytes.
    private static let mostInstances = 100_000

    private var roots: [Int] {
        if !scenes.isEmpty { return scenes[scene ?? 0].roots }
        let children = Set(nodes.flatMap(\.children))
        return nodes.indices.filter { !children.contains($0) }
    }
}
