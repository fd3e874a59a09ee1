"""What learns: features, the classifier and its parts, detectors, causes, links (design §8).

Read `features` (a subject becomes rows), `softmax/model` (rows become beliefs and are learned),
`snapshot` (how it is kept). Only here is River imported; whoever imports this package does so
where it is used, since numpy and River cost a second.
"""
